"""From what there is at a process server, or in a list of tags, to entries of site.toml. Never to a [[write]].

browsing      connect to a configured source and look around      synonyms    which names mean which canonical key
recognise     what of it is a tank or a pump                      names       ids out of names
proposal      the entries                                         fragment    the same as commented TOML
snapshot      what a [[browse]] stands for, as a file             toml_text   values as TOML
csv_columns, csv_export, csv_import    a list of tags for a spreadsheet
commands      what ``sightline-site import`` and ``tags`` do
"""
