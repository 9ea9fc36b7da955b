"""Coloured digits of many sizes on a small canvas: MREF, MDIST and MBG (PAN, 1606.02393; AttentionRNN, section 4.1)."""
