"""Alarms of one site: what stands now, what happened, and who acknowledged it.

table            every alarm that stands, bounded       rows, places, words    a source's alarm as a row for a phone
feed, pending    the list of one session's stream       journal                what happened, on the disk
limit_rules, limit_state, limit_alarms                  alarms that the agent makes for sources without any
acknowledging, answers                                  acknowledge, confirm and shelve, once per key
store            the file of it all                     site_alarms, methods   all of it together, and its verbs
"""
