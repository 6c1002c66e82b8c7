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

int onLiteral(unsigned int id,
              unsigned long long,
              unsigned long long end,
              unsigned int,
              void *context)
{
    static_cast<LiteralSink *>(context)->onLiteral(static_cast<int>(id),
                                                   static_cast<qsizetype>(end));
    return 0;
}

}  // namespace

struct LiteralFinder::Private {
    std::unique_ptr<hs_database_t, FreeDatabase> database;
    size_t number = databaseCount.fetch_add(1);
    bool isEmpty = false;
};

LiteralFinder::LiteralFinder(const std::vector<Literal> &literals)
    : d(std::make_unique<Private>())
{
    d->isEmpty = literals.empty();
    if (d->isEmpty) {
        return;
    }
    std::vector<const char *> texts;
    std::vector<size_t> sizes;
    std::vector<unsigned int> flags;
    std::vector<unsigned int> ids;
    for (size_t i = 0; i < literals.size(); ++i) {
        texts.push_back(literals[i].text.constData());
        sizes.push_back(static_cast<size_t>(literals[i].text.size()));
        flags.push_back(literals[i].isCaseless ? HS_FLAG_CASELESS : 0U);
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

bool LiteralFinder::find(QByteArrayView text, LiteralSink &sink) const
{
    if (d->isEmpty || text.isEmpty()) {
        return true;
    }
    thread_local LiteralScratch scratch;
    hs_scratch_t *space = d->database ? scratch.forDatabase(d->database.get(), d->number) : nullptr;
    return space != nullptr && text.size() <= std::numeric_limits<unsigned int>::max()
           && hs_scan(d->database.get(), text.data(), static_cast<unsigned int>(text.size()), 0,
                      space, &onLiteral, &sink)
                  == HS_SUCCESS;
}

}  // namespace portcullis::spam
