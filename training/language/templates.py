"""Invented text: names from lists, put into sentences, forms, letters and tables of our own.

Belongs here: the sentences. Does not: the lists of names (`words`).
"""

import re
from collections.abc import Iterator
from random import Random

from passages import Passage
from words import Stock, invented_word

#: One text a paragraph. `{person}` and its kin are filled in; what is in no brace is not a name.
SENTENCES = r"""
My name is {person} and I live in {place}.
Hi, my name is {first} and I'm writing about order {number}.
hi this is {first} from {org}, can you call me back?
hey {first}, are you still coming to {place} on friday?
Dear {person},
Dear {title} {last},\n\nThank you for your letter of {date}. We have passed it on to {person}.
Dear {first},\nthanks for the update. I'll forward it to {first} and {first}.\nBest,\n{first}
Hi {first},\n\nCould you send me the report before {weekday}?\n\nThanks,\n{person}
Kind regards,\n{person}\n{role}, {org}
Best wishes\n{person}
Sincerely,\n\n{person}\n{org}\n{street}\n{place}
Yours faithfully\n{person}
From: {person} <{mail}>\nTo: {person} <{mail}>\nSubject: meeting on {weekday}
Cc: {person}; {person}; {person}
On {date}, {person} wrote:
{person} wrote on {date}: I will be in {place} next week.
Name: {person}
Full name: {person}\nDate of birth: {date}\nCity: {place}
Patient: {listed}\nAdmitted: {date}\nAttending: {title} {last}
Patient name: {person}. The patient was seen by {title} {last} on {date}.
Employee: {listed}, {role}
Contact: {person}, {role}, {org}
Customer: {person}\nAddress: {street}, {place}
Author: {person} <{mail}>
Authors: {person}, {person} and {person}
Reviewed-by: {person}
Signed-off-by: {person} <{mail}>
Emergency contact: {person} ({number})
Billing address: {person}, {street}, {place}, {place}
Present: {person}, {person}, {person}\nApologies: {person}
Attendees: {first}, {first}, {first} and {title} {last}
{listed}; {listed}; {listed}
{person} | {role} | {place}
| {person} | {place} | {number} |
{person},{mail},{place}
{number}\t{person}\t{org}\t{place}
{person} was born in {place} on {date}.
{person} moved from {place} to {place} in {year}.
{person}, {role} at {org}, said the figures were wrong.
"We did not expect that," said {person}.
{title} {last} will see you now.
{title} {last} told {first} that the results were fine.
I spoke with {person} about the invoice, and {first} said it was paid.
I met {first} and {first} in {place} last summer.
Ask {first} whether {first} has the keys.
{first}'s sister works for {org} in {place}.
{first} and I went to {place} together.
{last} joined {org} in {year} and became {role} in {year}.
According to {last}, the contract with {org} ends in {year}.
The account belongs to {person} and was opened in {place}.
Please transfer the amount to {person}, account {number}.
Can you tell {first} I said hi?
what did {person} order in {year}?
who is {person}?
Where does {person} live?
When did {org} hire {person}?
Is {first} coming too?
{org} announced that {person} will succeed {person} as {role}.
{org} has offices in {place}, {place} and {place}.
Shares of {org} fell after {last} resigned.
The meeting with {org} takes place in {place}.
He studied in {place} before he joined {org}.
We fly from {place} to {place} on {weekday}.
The weather in {place} was better than in {place}.
She lives at {street}, {place}.
Ship to: {street}, {place}, {place}
Deliver the parcel to {person}, {street}, {place}.
{person} and {person} vs. {org}
Plaintiff {person}, a resident of {place}, sued {org} in {year}.
The witness, {person}, lives in {place}.
Witness statement of {person}
Minutes taken by {first} {last}
Assigned to {person} on {date}
Approved by: {person}
Prepared by {person} for {org}
Call {first} on {number} or write to {mail}.
Tenant: {listed}\nLandlord: {org}
Passenger {listed} from {place} to {place}
Student: {person}   Grade: B   Teacher: {title} {last}
{first}: are you there?\n{first}: yes, give me a minute
{person}: Good morning.\n{person}: Good morning, {first}.
Her husband {first} works as a {role} in {place}.
His daughter, {person}, is a {role}.
{title} {person} ({place}) asked the minister about it.
Invoice {number} for {org}, attention {person}
CV of {person}, {role}, {place}
""".strip().split("\n")

#: Nothing here is a name, however it is written.
NAMELESS = r"""
Dear Sir or Madam,
Dear Customer,\n\nYour order has been shipped.
Dear Team, the meeting is moved to Tuesday.
To Whom It May Concern:
Best regards\nThe Support Team
Total Amount Due: {number}
Date: {date}\nInvoice Number: {number}\nPayment Terms: Net 30
First Name: Last Name: Date of Birth:
Table of Contents
Chapter 1 Introduction
Figure 3: Results of the Second Experiment
Terms and Conditions
Frequently Asked Questions
The Return Policy and the Privacy Policy apply.
Account Number: {number} Sort Code: {number}
Please Read Carefully Before Use
Quarterly Report, Q3 {year}
Monday, Tuesday and Wednesday are fully booked until March.
Click Settings, then Advanced, then Reset Password.
The HTTP API returns JSON unless the Accept header says otherwise.
Status: Open Priority: High Version: {number}
Happy Birthday and Merry Christmas!
Thanks, talk to you on {weekday}.
Hi all, please find attached the Final Report.
Use the Python Standard Library where you can.
| Name | Role | City |
Name,Role,City,Phone
""".strip().split("\n")

TITLES = "Mr. Mrs. Ms. Dr. Mr Mrs Ms Dr Prof. Professor Miss Sir Judge Senator Captain".split()
ROLES = (
    "manager,engineer,nurse,teacher,director,Director of Sales,chief executive,Head of Marketing,clerk,driver,"
    "Senior Analyst,accountant,consultant,Project Manager,researcher,lawyer,architect,designer,sales assistant"
).split(",")
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
SUFFIXES = "Inc. Inc Ltd Ltd. LLC GmbH AG PLC Corp. Corporation Group Holdings Bank Partners Technologies".split()
FORMS = ("{} {}", "University of {}", "{} University", "{} City Council", "Bank of {}", "{} Hospital", "{} Institute")
STREETS = "Street Road Avenue Lane Drive St. Ave. Boulevard Court Way Close Square".split()

_SLOT = re.compile(r"\{(\w+)\}")


def invented(stock: Stock, n_passages: int, seed: int) -> Iterator[Passage]:
    """Passages in an order that the seed decides; one in five holds no name."""
    random = Random(seed)  # noqa: S311  # not a secret
    for _ in range(n_passages):
        pattern = random.choice(NAMELESS if random.random() < 0.2 else SENTENCES)
        yield filled(pattern.replace("\\n", "\n").replace("\\t", "\t"), stock, random)


def filled(pattern: str, stock: Stock, random: Random) -> Passage:
    """The pattern with its slots filled, and where the names went."""
    text, names, at = "", [], 0
    for slot in _SLOT.finditer(pattern):
        text += pattern[at : slot.start()]
        value, label = _value(slot.group(1), stock, random)
        if label:
            names.append((len(text), len(text) + len(value), label))
        text += value
        at = slot.end()
    return Passage(text=text + pattern[at:], names=tuple(names))


def _value(slot: str, stock: Stock, random: Random) -> tuple[str, str]:
    if slot in ("first", "last", "person", "listed"):
        return _person(slot, stock, random), "PERSON"
    if slot == "org":
        return _organization(stock, random), "ORGANIZATION"
    if slot == "place":
        return random.choice(stock.places) if random.random() < 0.85 else invented_word(random), "LOCATION"
    if slot == "street":
        name = random.choice((_last(stock, random), invented_word(random)))
        return f"{random.randint(1, 999)} {name} {random.choice(STREETS)}", "LOCATION"
    return _detail(slot, random), ""


def _person(slot: str, stock: Stock, random: Random) -> str:
    if slot == "first":
        return _first(stock, random)
    if slot == "last":
        return _last(stock, random)
    first, last = _first(stock, random), _last(stock, random)
    middle = random.choice(("", "", "", f" {random.choice('ABCDEFGHJKLMNPRSTW')}.", f" {_first(stock, random)}"))
    if slot == "listed":
        return f"{last}, {first}{middle}"
    if random.random() < 0.08:
        return f"{first[0]}. {last}"
    if random.random() < 0.06:
        return f"{first} {last}-{_last(stock, random)}"
    return f"{first}{middle} {last}"


def _first(stock: Stock, random: Random) -> str:
    return _drawn(stock.usual_first_names, stock.first_names, random)


def _last(stock: Stock, random: Random) -> str:
    return _drawn(stock.usual_last_names, stock.last_names, random)


def _drawn(usual: list[str], every: list[str], random: Random) -> str:
    """A name of the lists, or, one in five, a word that the lexicon does not know."""
    where = random.random()
    return invented_word(random) if where < 0.2 else random.choice(usual if where < 0.6 else every)


def _organization(stock: Stock, random: Random) -> str:
    word = random.choice((_last(stock, random), invented_word(random), random.choice(stock.places)))
    form = random.choice(FORMS) if random.random() < 0.5 else FORMS[0]
    return form.format(word, random.choice(SUFFIXES))


def _detail(slot: str, random: Random) -> str:
    day, month, year = random.randint(1, 28), random.choice(MONTHS), random.randint(1950, 2025)
    values = {
        "title": random.choice(TITLES),
        "role": random.choice(ROLES),
        "weekday": random.choice(WEEKDAYS),
        "year": str(year),
        "date": random.choice((f"{day} {month} {year}", f"{month} {day}, {year}", f"{year}-07-{day:02}")),
        "number": str(random.randint(100, 9_999_999)),
        "mail": f"{invented_word(random).lower()}@example.{random.choice(('com', 'org', 'net'))}",
    }
    return values[slot]
