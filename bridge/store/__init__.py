"""The store: everything that is durable, in one database. SQL stands only here."""
