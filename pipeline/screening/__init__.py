"""Archives: millions of pictures, each looked at once, with answers that are kept part by part."""
