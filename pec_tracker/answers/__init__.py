"""What does each verb answer? JSON-able objects and words in the asker's language, made of what `service` returns.

An entrance (command line, web, API, digest, CSV, PDF) prints these and computes nothing. Texts come as they are: what
steers a terminal or a page is taken out by who prints them (`plain.clean`).
"""
