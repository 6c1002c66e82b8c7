// SPDX-License-Identifier: GPL-2.0-or-later
// pmg-loadclient: sends messages as fast as the server takes them and prints one JSON line about it.
// Raw epoll, so that it takes far less processor time than any server it measures.
#include "tests/bench/smtp/LoadSession.h"

#include <getopt.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace portcullis::bench {

namespace {

constexpr int usageError = 2;
constexpr int maxThreads = 16;

struct Options {
    LoadSettings load;
    std::size_t size = 4096;
    std::string folder;
    int threads = 1;
};

void printUsage(std::FILE *file)
{
    std::fputs("Usage: pmg-loadclient --port PORT [options]\n"
               "Sends messages to 127.0.0.1 and prints one line of JSON.\n\n"
               "  --port PORT                  server\n"
               "  --connections N              at once (20)\n"
               "  --messages N                 in all (1000)\n"
               "  --size BYTES                 of a generated message (4096)\n"
               "  --eml FOLDER                 send its *.eml files in turn instead\n"
               "  --messages-per-connection N  then a new connection; 0, the default, never\n"
               "  --starttls                   use TLS, without checking the certificate\n"
               "  --no-pipelining              wait for each reply\n"
               "  --threads N                  event loops (1)\n"
               "  --sender ADDRESS, --recipient ADDRESS\n",
               file);
}

long number(const char *text)
{
    char *end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 0) {
        throw std::invalid_argument(std::string("not a number: ") + text);
    }
    return value;
}

void apply(Options &options, int letter, const char *value)
{
    switch (letter) {
    case 'p':
        options.load.port = std::uint16_t(number(value));
        break;
    case 'c':
        options.load.connections = int(number(value));
        break;
    case 'm':
        options.load.messages = number(value);
        break;
    case 's':
        options.size = std::size_t(number(value));
        break;
    case 'k':
        options.load.messagesPerSession = int(number(value));
        break;
    case 't':
        options.load.usesTls = true;
        break;
    case 'n':
        options.load.pipelines = false;
        break;
    case 'e':
        options.folder = value;
        break;
    case 'j':
        options.threads = int(number(value));
        break;
    case 'f':
        options.load.sender = value;
        break;
    case 'r':
        options.load.recipient = value;
        break;
    case 'h':
        printUsage(stdout);
        std::exit(EXIT_SUCCESS);
    default:
        throw std::invalid_argument("wrong option");
    }
}

Options readOptions(int argc, char **argv)
{
    static const std::array<option, 13> known{{
        {"port", required_argument, nullptr, 'p'},
        {"connections", required_argument, nullptr, 'c'},
        {"messages", required_argument, nullptr, 'm'},
        {"size", required_argument, nullptr, 's'},
        {"messages-per-connection", required_argument, nullptr, 'k'},
        {"starttls", no_argument, nullptr, 't'},
        {"no-pipelining", no_argument, nullptr, 'n'},
        {"eml", required_argument, nullptr, 'e'},
        {"threads", required_argument, nullptr, 'j'},
        {"sender", required_argument, nullptr, 'f'},
        {"recipient", required_argument, nullptr, 'r'},
        {"help", no_argument, nullptr, 'h'},
        {nullptr, 0, nullptr, 0},
    }};
    Options options;
    for (int letter = 0; (letter = ::getopt_long(argc, argv, "h", known.data(), nullptr)) != -1;) {
        apply(options, letter, optarg);
    }
    if (options.load.port == 0 || options.load.connections < 1 || options.threads < 1
        || options.threads > maxThreads || optind != argc) {
        throw std::invalid_argument("--port is needed, and at least one connection");
    }
    options.threads = std::min(options.threads, options.load.connections);
    return options;
}

SSL_CTX *makeTls()
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    // Sessions are not kept: every connection is a full handshake, as between servers that meet seldom.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    return context;
}

void drive(const Options &options, int thread, Tickets &tickets, SSL_CTX *tls, LoadResults &results)
{
    MessageSource source = options.folder.empty()
                               ? MessageSource(options.size, std::uint64_t(::getpid()) * maxThreads
                                                                 + std::uint64_t(thread))
                               : MessageSource(options.folder);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<std::unique_ptr<LoadSession>> sessions;
    for (int i = thread; i < options.load.connections; i += options.threads) {
        sessions.push_back(
            std::make_unique<LoadSession>(options.load, tickets, source, results, tls, epoll));
        sessions.back()->start();
    }
    std::array<epoll_event, 128> events{};
    const auto isDone = [](const auto &session) { return session->isDone(); };
    while (!std::all_of(sessions.begin(), sessions.end(), isDone)) {
        const int count = ::epoll_wait(epoll, events.data(), int(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            static_cast<LoadSession *>(events.at(std::size_t(i)).data.ptr)
                ->onEvent(events.at(std::size_t(i)).events);
        }
    }
    sessions.clear();
    ::close(epoll);
}

LoadResults run(const Options &options)
{
    Tickets tickets(options.load.messages);
    SSL_CTX *tls = makeTls();
    std::vector<LoadResults> results{std::size_t(options.threads)};
    std::vector<std::thread> threads;
    for (int i = 0; i < options.threads; ++i) {
        threads.emplace_back(drive, std::cref(options), i, std::ref(tickets), tls,
                             std::ref(results.at(std::size_t(i))));
    }
    for (std::thread &each : threads) {
        each.join();
    }
    SSL_CTX_free(tls);
    LoadResults sum;
    for (const LoadResults &each : results) {
        sum.latencies.insert(sum.latencies.end(), each.latencies.begin(), each.latencies.end());
        sum.sessions += each.sessions;
        for (const auto &[reason, count] : each.failures) {
            sum.failures[reason] += count;
        }
    }
    std::sort(sum.latencies.begin(), sum.latencies.end());
    return sum;
}

double percentile(const std::vector<std::uint32_t> &sorted, double share)
{
    if (sorted.empty()) {
        return 0;
    }
    const auto place = std::size_t(share * double(sorted.size() - 1));
    return double(sorted[place]) / 1000;
}

double ownCpuSeconds()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
           + double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void print(const LoadResults &results, double seconds)
{
    const auto taken = double(results.latencies.size());
    std::printf("{\"accepted\":%zu,\"seconds\":%.4f,\"messages_per_second\":%.1f,"
                "\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,\"connections\":%ld,"
                "\"client_cpu_us_per_message\":%.1f,\"failures\":{",
                results.latencies.size(), seconds, taken / seconds,
                percentile(results.latencies, 0.5), percentile(results.latencies, 0.99),
                percentile(results.latencies, 1), results.sessions,
                ownCpuSeconds() * 1e6 / std::max(taken, 1.0));
    const char *separator = "";
    for (const auto &[reason, count] : results.failures) {
        std::printf("%s\"%s\":%ld", separator, reason.c_str(), count);
        separator = ",";
    }
    std::puts("}}");
}

}  // namespace

int loadMain(int argc, char **argv)
{
    try {
        std::signal(SIGPIPE, SIG_IGN);
        const Options options = readOptions(argc, argv);
        const auto start = std::chrono::steady_clock::now();
        const LoadResults results = run(options);
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
        print(results, passed.count());
        return results.failures.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "pmg-loadclient: %s\n", error.what());
        printUsage(stderr);
        return usageError;
    }
}

}  // namespace portcullis::bench

int main(int argc, char **argv)
{
    return portcullis::bench::loadMain(argc, argv);
}
