"""UAN: attention that chooses a layer, then positions in it, step after step (Joseph, Derpanis, Qureshi, 2019)."""
