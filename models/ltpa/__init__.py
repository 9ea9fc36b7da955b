"""Learn to Pay Attention (Jetley et al., ICLR 2018): local maps are weighted by how they agree with the whole image."""
