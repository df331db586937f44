from support import stock

globals().update(stock.cases("test_orm"))
