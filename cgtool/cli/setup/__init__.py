"""What is set up once: settings files and their profiles, completion in the shell."""
