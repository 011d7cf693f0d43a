"""What talks to the outside: files on disk, sheets, migrations of the store."""
