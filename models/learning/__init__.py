"""How TNet learns: what it sees by cross-entropy, where it looks by reward or by what looks turned out to tell."""
