"""OpenAI's own client against a gateway: BASE_URL and TOKEN say which. The model `small` is the scripted one."""

import os

import openai

client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key=os.environ["TOKEN"], max_retries=0)
weather = [{"role": "user", "content": "what about the weather?"}]

assert [model.id for model in client.models.list()] == ["small", "agent:main"]
assert client.models.retrieve("small").owned_by == "script"
assert client.models.retrieve("openclaw:main").owned_by == "openclaw"

answer = client.chat.completions.create(model="small", messages=weather)
assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("It rains.", "stop"), answer
assert answer.usage.completion_tokens == 3, answer

pieces, usage = [], None
options = {"include_usage": True}
for chunk in client.chat.completions.create(model="small", messages=weather, stream=True, stream_options=options):
    pieces += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    usage = chunk.usage or usage
assert (pieces, usage.completion_tokens) == (["It ", "rains."], 3), (pieces, usage)

with client.chat.completions.stream(model="small", messages=weather) as stream:
    for _ in stream:
        pass
    assert stream.get_final_completion().choices[0].message.content == "It rains."

tools = [{"type": "function", "function": {"name": "ls", "parameters": {"type": "object"}}}]
listing = [{"role": "user", "content": "list"}]
call = client.chat.completions.create(model="small", messages=listing, tools=tools).choices[0].message.tool_calls[0]
assert (call.function.name, call.function.arguments) == ("ls", '{"path":"."}'), call

response = client.responses.create(model="small", input="what about the weather?", instructions="Be brief.")
assert (response.output_text, response.usage.output_tokens, response.status) == ("It rains.", 3, "completed"), response
with client.responses.stream(model="small", input="what about the weather?") as stream:
    kinds = [event.type for event in stream]
    assert stream.get_final_response().output_text == "It rains."
assert (kinds[0], kinds[-1]) == ("response.created", "response.completed"), kinds
listed = client.responses.create(model="small", input="list", tools=[{"type": "function", "strict": False, **tools[0]["function"]}])
assert (listed.output[0].type, listed.output[0].name, listed.output[0].arguments) == ("function_call", "ls", '{"path":"."}')

agent = client.chat.completions.create(model="agent:main", messages=weather, user="ann")
assert agent.choices[0].message.content == "It rains." and agent.usage.total_tokens > 0, agent
said = ""
for chunk in client.chat.completions.create(model="agent:main", messages=weather, stream=True, stream_options=options):
    said += "".join(choice.delta.content or "" for choice in chunk.choices)
    usage = chunk.usage or usage
assert said == "It rains." and usage.completion_tokens == 3, (said, usage)
with client.responses.stream(model="agent:main", input="what about the weather?") as stream:
    for _ in stream:
        pass
    assert stream.get_final_response().output_text == "It rains."

vectors = client.embeddings.create(model="small", input=["a bakery", "a dog"])
assert [len(row.embedding) for row in vectors.data] == [384, 384]


def refused(kind, code, ask):
    """The client must raise this error of its own."""
    try:
        ask()
    except kind as error:
        assert error.code == code, error
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


refused(openai.NotFoundError, "model_not_found", lambda: client.chat.completions.create(model="gone", messages=weather))
nobody_there = lambda: client.chat.completions.create(model="agent:nobody", messages=weather)
refused(openai.NotFoundError, "model_not_found", nobody_there)
refused(openai.BadRequestError, "invalid_request", lambda: client.chat.completions.create(model="small", messages=[]))
nobody = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key="nobody", max_retries=0)
refused(openai.AuthenticationError, "invalid_api_key", nobody.models.list)
many = [{"role": "user", "content": "weather " * 20000}]
spent = refused(openai.RateLimitError, "quota_exceeded", lambda: client.chat.completions.create(model="small", messages=many))
assert spent.type == "insufficient_quota" and spent.body["resets_at"].endswith("Z"), spent.body
print("every call was answered as OpenAI answers")
