"""The database: tables, sessions and migrations. Only this package imports SQLAlchemy's engine parts; see docs/operate.md."""
