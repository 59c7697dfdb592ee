# One image, every binary; the command picks one: docker run whatsapplink/cloud validate
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/ $(for b in validate route deliver redact listen record custody wlctl; do echo ./cmd/$b; done)

# Nothing but the binaries: no shell, no package manager, no CA bundle (the roots are compiled in).
FROM scratch
COPY --from=build /out/ /
ENV PATH=/ WL_HTTP=:9090
USER 65532:65532
EXPOSE 9090
CMD ["wlctl", "--help"]
