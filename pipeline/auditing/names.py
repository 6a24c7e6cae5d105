"""What an audit's result calls its parts, so that its readers need none of what makes one."""

AUDIT = "audit.json"  # below the folder of reports, as the page
PAGE = "audit.html"

TRAINING = "training"  # the part that pools the collections to train on
COLLECTION = "collections."  # before the name of one, as in metrics.json
ELSEWHERE = "elsewhere"  # the split of collections that are tested only, and their part

RAW, CONVERTED = "raw", "converted"  # the two sides of a conversion
BEST, ALL, PROBE = "best_feature", "all_metadata", "probe"  # kinds of shortcuts
