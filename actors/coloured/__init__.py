"""The toy experiments of PAN and AttentionRNN: coloured digits, and a question about one of them."""
