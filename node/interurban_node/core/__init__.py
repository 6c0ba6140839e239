"""What every feature stands on: clock, identifiers, home, database, outbox, client, pages."""
