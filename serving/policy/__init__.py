"""The rules no list may break, one per file behind `rule.Rule`, in the one order that `order.RULES` declares."""
