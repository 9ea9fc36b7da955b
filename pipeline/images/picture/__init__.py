"""Pictures without a pyramid of their own: PNG, JPEG, JPEG 2000, WebP; and pyramids made of such files (DeepZoom)."""
