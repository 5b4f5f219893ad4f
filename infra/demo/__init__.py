"""The demo: the whole platform on one machine, from the first event to the playlist and the e-mail, run by Airflow."""
