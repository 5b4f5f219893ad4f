"""The rules no list may break, one per file behind `rule.Rule`, in the one order of `order.rules()`."""
