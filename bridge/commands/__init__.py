"""The commands of `bridge`, each loaded when it is called."""
