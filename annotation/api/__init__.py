"""The REST API: thin views over queue, judging, projects, log and intake."""
