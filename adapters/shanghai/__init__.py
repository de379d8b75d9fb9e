"""The Shanghai registry over REST."""
