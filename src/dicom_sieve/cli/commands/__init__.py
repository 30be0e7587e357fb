"""The commands, a group a file. Each opens what it needs, calls one function, and prints."""
