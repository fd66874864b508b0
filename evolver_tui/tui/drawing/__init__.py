"""What every view draws with: styles, text that fits, panes and their common parts."""
