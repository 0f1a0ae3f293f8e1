"""기사 메일전송: a reader sends one article to one friend, and nobody can abuse it."""
