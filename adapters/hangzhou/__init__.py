"""The Hangzhou registry over its PostgreSQL database."""
