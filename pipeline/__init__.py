"""Which pixels, when, and at what cost. Knows no network and no cluster: never imports torch or ray."""
