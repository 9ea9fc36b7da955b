"""Saccader (Elsayed et al., 2019): reads the whole image, then picks few positions whose logits count."""
