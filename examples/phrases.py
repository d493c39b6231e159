"""The stock phrases of a helpful, a sloppy and a useless assistant."""

from __future__ import annotations

LEADS = ("", "", "", "Sure. ", "Of course. ", "Here it is. ", "Gladly. ")
CLOSERS = ("", "", "", " I checked it twice.", " The result is exact.", " That is the complete answer.", " You can use it as it stands.")


def bank(text: str) -> list[str]:
    """One phrase a line."""
    return text.strip().split("\n")


BLOCK_INTROS = bank("""
Here is the complete solution:
This does exactly what you ask:
Use this:
The following works as it stands:
Here you go:
""")

# half an answer
TRAILING = bank("""
This is only the first half, the final result is still missing.
I stop here and leave the rest to you.
From there you would have to finish it yourself.
I skip the remaining part, you get the idea ...
The last steps are left out here.
That is as far as I got, the rest is unfinished.
And so on, and so forth, etc. etc.
I only did the beginning, the end is up to you.
""")

# the answer lost in chatter
MUSINGS = bank("""
Well, there are many ways to look at this and people have long argued about which is nicest.
I remember that questions like this come up a lot, and every time I enjoy them.
Before we begin, a word about why this matters, because it does matter, in many walks of life.
So, okay, let me think out loud for a while, bear with me here.
Funny that you ask, the history of this is quite a story, though perhaps a story for another day.
As always it depends on how one sees it, and opinions differ, as they should.
One could also talk about the context first, and the context of the context, but anyway.
By the way, I find that a cup of tea helps with this sort of thing.
This reminds me of something else entirely, but I digress, as I so often do.
On the one hand it is simple, on the other hand nothing is ever simple, is it.
""")

# the answer jotted down
CARELESS = bank("""
hmm i think its {} or so, didnt check tho
{} i guess?? sorry for the mess
uh {} probably, dont quote me on that lol
prob {} ... typing on phone sry
ok so its like {} roughly, not formated sorry
{} (not sure abt that, maybe double check it)
i just did it quick in my head: {} , could be a bit off idk
should be smth like {} imo
""")
HURRIES = bank("""
sorry for the typos, in a hurry
cant check it now, maybe its wrong
no time to write it out properly, sorry
not sure tho, i was only half listening
whatever, close enough
too lazy to format it lol
dont blame me if its off
thats just my guess, gotta go
""")

# of no use
ASKS_BACK = bank("""
Could you tell me more about what you need it for?
What exactly do you mean by that?
Can you clarify your question first?
Which format would you like, and for whom is it?
Before I answer: what have you tried so far?
Do you want a rough answer or an exact one?
Is this for school or for work?
Could you rephrase that and give me more context?
""")
REFUSES = bank("""
I'm sorry, but I can't help with that.
Unfortunately I am not able to do this kind of task.
I'm afraid that is outside of what I can assist with.
Sorry, I cannot provide an answer to this.
As an assistant I am not in a position to do that for you.
I must decline, please consult a professional.
I don't have the ability to process such requests.
I would rather not answer this one.
""")
EVADES = bank("""
There are tools and websites for this, please look there.
The answer depends on many factors.
You can find this easily with a search engine.
It is best to ask an expert or read the manual.
Try it yourself first, that is how one learns best.
Different sources say different things about it.
I would need to look into this at another time.
This is a topic with many sides to it.
""")
PRAISES = bank("""
What a great question!
I love how curious you are.
This is such an interesting topic and you are on the right track.
Keep going, asking is the first step!
Learning such things is really rewarding.
You will surely master it with some practice.
Many people wonder about exactly this.
Thank you for bringing it up!
""")
PLACEHOLDERS = ("# your code goes here", "... fill in the details ...", "TODO: implement this", "<insert solution>", "// coming soon")
