"""UAN's two tasks on made-up rooms: where the camera is, and which room it is in."""
