// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/LiteralFinder.h"

#include <hs.h>

#include <atomic>
#include <limits>

namespace portcullis::spam {

namespace {

struct FreeDatabase {
    void operator()(hs_database_t *database) const { hs_free_database(database); }
};

/// Scratch memory of a thread, grown for every database that it meets. Databases are counted for ever,
/// so that one made at the address of an earlier one is a new one.
class LiteralScratch
{
public:
    LiteralScratch() = default;
    ~LiteralScratch() { hs_free_scratch(m_scratch); }
    Q_DISABLE_COPY_MOVE(LiteralScratch)

    hs_scratch_t *forDatabase(const hs_database_t *database, size_t number)
    {
        if (m_isReady.size() <= number) {
            m_isReady.resize(number + 1, false);
        }
        if (!m_isReady[number]) {
            if (hs_alloc_scratch(database, &m_scratch) != HS_SUCCESS) {
                return nullptr;
            }
            m_isReady[number] = true;
        }
        return m_scratch;
    }

private:
    hs_scratch_t *m_scratch = nullptr;
    std::vector<bool> m_isReady;
};

std::atomic<size_t> databaseCount{0};

int onLiteral(unsigned int id, unsigned long long, unsigned long long, unsigned int, void *context)
{
    static_cast<std::vector<int> *>(context)->push_back(static_cast<int>(id));
    return 0;
}

}  // namespace

struct LiteralFinder::Private {
    std::unique_ptr<hs_database_t, FreeDatabase> database;
    size_t number = databaseCount.fetch_add(1);
    int count = 0;

    /// Without a database nothing is ruled out.
    void everything(std::vector<int> &into) const
    {
        for (int i = 0; i < count; ++i) {
            into.push_back(i);
        }
    }
};

LiteralFinder::LiteralFinder(const std::vector<Literal> &literals)
    : d(std::make_unique<Private>())
{
    d->count = static_cast<int>(literals.size());
    if (literals.empty()) {
        return;
    }
    std::vector<const char *> texts;
    std::vector<size_t> sizes;
    std::vector<unsigned int> flags;
    std::vector<unsigned int> ids;
    for (size_t i = 0; i < literals.size(); ++i) {
        texts.push_back(literals[i].text.constData());
        sizes.push_back(static_cast<size_t>(literals[i].text.size()));
        flags.push_back(HS_FLAG_SINGLEMATCH | (literals[i].isCaseless ? HS_FLAG_CASELESS : 0U));
        ids.push_back(static_cast<unsigned int>(i));
    }
    hs_database_t *database = nullptr;
    hs_compile_error_t *error = nullptr;
    const hs_error_t result = hs_compile_lit_multi(
        texts.data(), flags.data(), ids.data(), sizes.data(),
        static_cast<unsigned int>(literals.size()), HS_MODE_BLOCK, nullptr, &database, &error);
    if (result != HS_SUCCESS) {
        hs_free_compile_error(error);
        return;
    }
    d->database.reset(database);
}

LiteralFinder::~LiteralFinder() = default;

void LiteralFinder::find(QByteArrayView text, std::vector<int> &into) const
{
    if (d->count == 0 || text.isEmpty()) {
        return;
    }
    thread_local LiteralScratch scratch;
    hs_scratch_t *space = d->database ? scratch.forDatabase(d->database.get(), d->number) : nullptr;
    const auto length = static_cast<unsigned int>(
        std::min<qsizetype>(text.size(), std::numeric_limits<unsigned int>::max()));
    const size_t before = into.size();
    if (space == nullptr
        || hs_scan(d->database.get(), text.data(), length, 0, space, &onLiteral, &into)
               != HS_SUCCESS) {
        into.resize(before);
        d->everything(into);
    }
}

}  // namespace portcullis::spam
