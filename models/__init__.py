"""The networks of the papers. Knows no image file and no cluster: never imports pipeline or ray."""
