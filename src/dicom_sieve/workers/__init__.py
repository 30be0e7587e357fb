"""Who does the work: threads, processes, machines of Ray. They know neither what the tasks are nor what comes out."""
