"""What surrounds the platform: the simulated world, landing, the mart, the mailbox, the demo, status and deployment files."""
