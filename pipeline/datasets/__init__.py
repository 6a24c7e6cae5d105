"""From names and files to tables: source ids, groups that belong together, splits, manifests."""
