"""The auditor's screen: the events that a person may see, filtered, paged and exported."""
