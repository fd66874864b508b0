"""Modules that tests copy to where a person would put them."""
