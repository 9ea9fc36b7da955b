"""What looks cost in money, by prices that the user brings."""
