"""What can hurt a lab, one probe each: they only read, follow no user's code, and look at few files."""
