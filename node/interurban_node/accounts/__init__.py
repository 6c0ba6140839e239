"""Who is who: sign-in, roles, and the encrypted identities behind learner references."""
