"""Papers of a contract over the API."""

from __future__ import annotations

import io
import re

from pypdf import PdfReader

from tests import agreements
from tests.people import World
from tests.printing import needs_print


@needs_print
def test_the_form_of_a_registered_contract_says_what_stands_registered(
    world: World,
) -> None:
    deal = agreements.registered(world, **agreements.amounts("1200", "1100"))
    number = deal.registration.reg_no
    deal.amended(**agreements.amounts("7700", "7600"))
    world.session.commit()

    def said() -> str:
        answer = world.client("team").get(f"/contracts/{deal.id}/registration/form.pdf")
        assert answer.status_code == 200
        pages = PdfReader(io.BytesIO(answer.data)).pages
        return re.sub(r"\s", "", "".join(page.extract_text() for page in pages))

    form = said()
    assert str(number) in form
    assert "1,200.00" in form
    assert "7,700.00" not in form
    wish = {"wanted": "change", "comment": "合同已变更"}
    deal.register("university_admin", "request-change", **wish)
    deal.register("reviewer", "change")
    world.session.commit()
    assert "7,700.00" in said()
