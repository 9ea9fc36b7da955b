"""The networks of several papers for images of 32 px, behind one face: what they say, show, and can be learned by."""
