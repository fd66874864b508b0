"""Config file, environment, paths, keymap and theme files."""
