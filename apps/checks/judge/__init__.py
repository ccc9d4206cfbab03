"""Pure verdicts on facts that a probe brought home: no network, no clock, no database."""
