"""Articles and audience become messages: choosing, rendering, and the bytes of a mail before it is addressed."""
