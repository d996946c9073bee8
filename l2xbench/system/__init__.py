"""What the operating system and other libraries give, each in one place."""
