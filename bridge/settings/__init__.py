"""What an operator may say, table by table, and where it is written."""
