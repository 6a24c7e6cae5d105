# A detector that answers: what predicts, and nothing of training. The detector itself stays outside, in models/.
#   docker build --tag fakes .
#   docker run --rm --volume "$PWD:/work:ro" fakes predict photo.jpg
FROM python:3.12-slim
COPY pyproject.toml README.md LICENSE /source/
COPY pipeline /source/pipeline
RUN pip install --no-cache-dir /source && rm -r /source && useradd --create-home fakes
USER fakes
WORKDIR /work
ENTRYPOINT ["fakes"]
CMD ["--help"]
