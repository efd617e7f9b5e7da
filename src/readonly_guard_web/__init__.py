"""The review's web page: what `readonly_guard.review` does, for a manager with a browser.

Starlette serves, Jinja2 writes the pages, htmx (in `static`, Zero-Clause BSD) fetches parts of them; nothing comes from
elsewhere. Who may do what is the desk's to say; here live signing in, forms and how it looks. Needs the extra
``review``.
"""

from readonly_guard_web.accounts import Accounts
from readonly_guard_web.app import make_app
from readonly_guard_web.cards import CERTIFICATE

__all__ = ["CERTIFICATE", "Accounts", "make_app"]
