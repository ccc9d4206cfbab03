"""A page's content in every form it is given out. Nothing here knows HTTP; `apps.web` and `apps.api` serve it."""
