"""DRAM (Ba et al., 2015), in the form of Saccader's authors: glimpses at several resolutions, one after another."""
